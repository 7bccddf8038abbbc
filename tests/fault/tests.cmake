# Faults on real processes and sockets.  Short forms run with `make test`; docs/guarantees.md names the long ones.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
add_executable(witness ${PROJECT_SOURCE_DIR}/tests/support/witness.c)
target_link_libraries(witness PRIVATE bf_flags)
set_target_properties(witness PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

# Loaded before the C library by LD_PRELOAD: a power failure in a commit, wrong clocks; a PCRE2 that only interprets (run_valgrind).
foreach(what disk clock jit)
  add_library(shim_${what} MODULE ${PROJECT_SOURCE_DIR}/tests/support/shim_${what}.c)
  # Without the sanitizers: they come with the program that a shim is loaded into.
  target_compile_definitions(shim_${what} PRIVATE _GNU_SOURCE)
  target_compile_options(shim_${what} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${BF_WERROR}>:-Werror>)
  target_link_libraries(shim_${what} PRIVATE ${CMAKE_DL_LIBS})
  set_target_properties(shim_${what} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
endforeach()

add_executable(fence_trials ${PROJECT_SOURCE_DIR}/tests/support/fence_trials.c)
target_link_libraries(fence_trials PRIVATE bf_agent bf_proto bf_common bf_flags)
set_target_properties(fence_trials PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

add_executable(journal_dump ${PROJECT_SOURCE_DIR}/tests/support/journal_dump.c)
target_link_libraries(journal_dump PRIVATE bf_store bf_proto bf_common bf_flags)
set_target_properties(journal_dump PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

function(bf_fault_test name timeout)
  add_test(NAME fault/${name} COMMAND ${Python3_EXECUTABLE} -B ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/fault)
  set_tests_properties(fault/${name} PROPERTIES LABELS fault TIMEOUT ${timeout} SKIP_RETURN_CODE 77 RUN_SERIAL ON
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin;BF_WITNESS=${CMAKE_BINARY_DIR}/tests/witness")
endfunction()

bf_fault_test(kill_coordinator 300 crash.py coordinator --kills 8)
bf_fault_test(kill_coordinator_at_failpoints 300 crash.py failpoint --kills 6)
bf_fault_test(kill_in_commits 300 crash.py commit --kills 6)
bf_fault_test(kill_agents 300 crash.py agent --kills 6)
bf_fault_test(fence_margin 120 fence_margin.py --trials 8)
bf_fault_test(cut_agents 300 cut.py --cuts 3)
bf_fault_test(table_short 400 faults.py --short)
bf_fault_test(table_page 60 faults.py --check ${PROJECT_SOURCE_DIR}/docs/faults.md)
bf_fault_test(log_flood 120 log_flood.py --bytes 67108864 --keep 4Mi)
bf_fault_test(sql_kills 400 sql_kills.py --kills 10)
bf_fault_test(sql_sessions 200 sql_sessions.py)
bf_fault_test(sql_paused 300 sql_paused.py)
bf_fault_test(real_workflows 300 wfformat.py --seconds 4)
if(TARGET store_state)
  bf_fault_test(flips 200 flips.py $<TARGET_FILE:store_state> --flips 30)
endif()
if(TARGET bf-sql)
  bf_fault_test(data 180 data_faults.py $<TARGET_FILE:bf-sql> --faults 200)
endif()
