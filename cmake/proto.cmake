# The wire: .proto files -> generated code (build tree only, its own target, no warnings) -> codecs in proto/*.c.
# Only bf_proto sees the generated headers, as "proto/agent.pb-c.h".
set(gen ${CMAKE_BINARY_DIR}/gen)
file(GLOB protos CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/proto/*.proto)
set(generated)
foreach(proto ${protos})
  string(REGEX REPLACE "\\.proto$" "" stem ${proto})
  add_custom_command(
    OUTPUT ${gen}/${stem}.pb-c.c ${gen}/${stem}.pb-c.h
    COMMAND ${CMAKE_COMMAND} -E make_directory ${gen}
    COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR} --c_out=${gen} ${PROJECT_SOURCE_DIR}/${proto}
    DEPENDS ${PROJECT_SOURCE_DIR}/${proto}
    COMMENT "protoc-c ${proto}" VERBATIM)
  list(APPEND generated ${gen}/${stem}.pb-c.c)
endforeach()

set(uses PkgConfig::libprotobuf-c PkgConfig::libsodium)
if(generated)
  add_library(bf_proto_gen STATIC ${generated})
  target_compile_options(bf_proto_gen PRIVATE -w)
  target_include_directories(bf_proto_gen SYSTEM PUBLIC ${gen} ${gen}/proto)
  target_link_libraries(bf_proto_gen PUBLIC PkgConfig::libprotobuf-c)
  list(PREPEND uses bf_proto_gen)
endif()
bf_layer(proto proto DEPS bf_common USES ${uses})
if(generated)
  get_target_property(type bf_proto TYPE)
  if(NOT type STREQUAL INTERFACE_LIBRARY)
    add_dependencies(bf_proto bf_proto_gen)
  endif()
endif()
