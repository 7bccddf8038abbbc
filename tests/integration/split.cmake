# The splitter of SQL scripts against a table of expected splits, and against the readers of PostgreSQL and MariaDB where they are here.
if(TARGET bf_sql AND BF_PYTHON3)
  add_executable(split_dump support/split_dump.c)
  target_link_libraries(split_dump PRIVATE bf_flags bf_sql bf_common)
  set_target_properties(split_dump PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  foreach(what corpus postgresql mariadb)
    add_test(NAME integration/split_${what}
             COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_split.py $<TARGET_FILE:split_dump> ${what})
    set_tests_properties(integration/split_${what} PROPERTIES LABELS integration TIMEOUT 900 SKIP_RETURN_CODE 77)
  endforeach()
endif()
