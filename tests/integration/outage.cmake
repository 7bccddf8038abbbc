if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND BF_PYTHON3)
  add_test(NAME integration/outage COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_outage.py)
  set_tests_properties(integration/outage PROPERTIES LABELS integration TIMEOUT 120 SKIP_RETURN_CODE 77
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
