# Every library comes from the distribution, found by pkg-config.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

# CMake takes folders behind -isystem out of the flags, but keeps what was before that: with the next configuration the commands would
# differ, and all that includes them would be built again.  So what was taken is kept.
macro(bf_package name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${name})
  foreach(what INCLUDE_DIRS CFLAGS_OTHER)
    set(${name}_${what} "${${name}_${what}}" CACHE INTERNAL "")
  endforeach()
endmacro()

foreach(package libzmq libczmq libprotobuf-c lmdb libfyaml jansson libsodium libzstd smartcols odbc libcurl ncursesw libpcre2-8 libmicrohttpd)
  bf_package(${package})
endforeach()
if(BF_TESTS)
  bf_package(criterion)
endif()
find_program(PROTOC_C protoc-c REQUIRED)
