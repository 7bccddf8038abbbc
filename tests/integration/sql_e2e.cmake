if(BF_PYTHON3)
  add_test(NAME integration/sql_e2e COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_sql_e2e.py)
  set_tests_properties(integration/sql_e2e PROPERTIES LABELS integration TIMEOUT 400 ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
