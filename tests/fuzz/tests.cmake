# Fuzz targets: plain LLVMFuzzerTestOneInput sources, built by clang with -DBF_FUZZ=ON and run for a moment as tests.
# `make fuzz` runs each for longer (tests/support/run_fuzz).  Seeds lie in corpus/ and, for plans, in tests/unit/plans.
if(NOT BF_FUZZ)
  return()
endif()
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "BF_FUZZ needs clang: configure with -DCMAKE_C_COMPILER=clang")
endif()

# Samples of every message, turn and record, written when the targets are built.
add_executable(fuzz_seeds ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds.c ${PROJECT_SOURCE_DIR}/tests/unit/proto_samples.c
               ${PROJECT_SOURCE_DIR}/tests/unit/proto_samples_agent.c)
target_link_libraries(fuzz_seeds PRIVATE bf_flags bf_proto bf_common)
set_target_properties(fuzz_seeds PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_custom_command(TARGET fuzz_seeds POST_BUILD COMMAND fuzz_seeds ${CMAKE_BINARY_DIR}/tests/seeds)

# SEEDS: folders below the source tree.  MADE: the folder of fuzz_seeds.  DICT: words that the format is made of.
function(bf_fuzz_test name)
  cmake_parse_arguments(PARSE_ARGV 1 A "" "DICT;MADE" "LIBS;SEEDS")
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c)
  target_link_libraries(${name} PRIVATE bf_flags ${A_LIBS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  list(TRANSFORM A_SEEDS PREPEND ${PROJECT_SOURCE_DIR}/tests/)
  # What is found grows in the build tree; the seeds are only read.
  set(args ${CMAKE_BINARY_DIR}/tests/corpus/${name} ${A_SEEDS} -rss_limit_mb=1024 -max_len=65536 -timeout=1 -print_final_stats=1
      -error_exitcode=1)                     # libFuzzer's own is 77, which means skipped here
  if(A_MADE)
    add_dependencies(${name} fuzz_seeds)
    list(INSERT args 1 ${CMAKE_BINARY_DIR}/tests/seeds/${A_MADE})
  endif()
  if(A_DICT)
    list(APPEND args -dict=${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${A_DICT})
  endif()
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/tests/corpus/${name})
  add_test(NAME fuzz/${name} COMMAND ${name} ${args} -max_total_time=10)
  set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 60
                       WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  list(JOIN args " " line)
  file(APPEND ${CMAKE_BINARY_DIR}/tests/fuzz_targets "${name} ${line}\n")
endfunction()
file(WRITE ${CMAKE_BINARY_DIR}/tests/fuzz_targets "")

bf_fuzz_test(fuzz_agent_msg MADE agent_msg LIBS bf_proto bf_common SEEDS fuzz/corpus/agent_msg)
bf_fuzz_test(fuzz_agent_result LIBS bf_agent bf_proto bf_common SEEDS fuzz/corpus/agent_result)
foreach(what log_msg operator_msg turn)
  bf_fuzz_test(fuzz_${what} MADE ${what} LIBS bf_proto bf_common)
endforeach()
bf_fuzz_test(fuzz_pb_read MADE turn LIBS bf_proto_gen bf_proto bf_common SEEDS fuzz/corpus/agent_msg)
bf_fuzz_test(fuzz_records MADE records LIBS bf_proto bf_common PkgConfig::jansson)
bf_fuzz_test(fuzz_store_value LIBS bf_store bf_proto bf_common PkgConfig::lmdb SEEDS fuzz/corpus/store_value)
bf_fuzz_test(fuzz_audit_line LIBS bf_ctl bf_proto bf_common PkgConfig::jansson SEEDS fuzz/corpus/audit_line)
bf_fuzz_test(fuzz_log_frame LIBS bf_logs bf_proto bf_common SEEDS fuzz/corpus/log_frame)
bf_fuzz_test(fuzz_bundle LIBS bf_proto bf_common)
bf_fuzz_test(fuzz_sql_split LIBS bf_sql bf_common SEEDS fuzz/corpus/sql DICT sql.dict)
bf_fuzz_test(fuzz_http_request LIBS bf_httpstep bf_common PkgConfig::jansson SEEDS fuzz/corpus/http_request DICT http_request.dict)
bf_fuzz_test(fuzz_plan LIBS bf_plan bf_proto bf_common SEEDS unit/plans/good unit/plans/bad DICT plan.dict)
bf_fuzz_test(fuzz_template LIBS bf_plan bf_proto bf_common SEEDS fuzz/corpus/template DICT plan.dict)
bf_fuzz_test(fuzz_selector LIBS bf_plan bf_proto bf_common SEEDS fuzz/corpus/selector)
bf_fuzz_test(fuzz_tzif LIBS bf_plan bf_proto bf_common SEEDS fuzz/corpus/tzif)
bf_fuzz_test(fuzz_wfformat LIBS bf_plan bf_proto bf_common SEEDS fuzz/corpus/wfformat)
