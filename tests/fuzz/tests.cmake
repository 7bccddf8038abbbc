# Fuzz targets: plain LLVMFuzzerTestOneInput sources, built by clang with -DBF_FUZZ=ON and run for a moment as tests.
# `fuzz_x CORPUS -max_total_time=600` runs one for longer.
if(NOT BF_FUZZ)
  return()
endif()
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "BF_FUZZ needs clang: configure with -DCMAKE_C_COMPILER=clang")
endif()

function(bf_fuzz_test name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "" "LIBS")
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c)
  target_link_libraries(${name} PRIVATE bf_flags ${A_LIBS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME fuzz/${name} COMMAND ${name} -max_total_time=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1)
  set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 60 SKIP_RETURN_CODE 77
                       WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endfunction()

foreach(what agent_msg log_msg operator_msg turn)
  bf_fuzz_test(fuzz_${what} LIBS bf_proto bf_common)
endforeach()
bf_fuzz_test(fuzz_bundle LIBS bf_proto bf_common)
bf_fuzz_test(fuzz_sql_split LIBS bf_sql bf_common)
