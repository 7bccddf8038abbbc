if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND TARGET journal_dump AND BF_PYTHON3)
  add_test(NAME integration/prefetch COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_prefetch.py)
  set_tests_properties(integration/prefetch PROPERTIES LABELS integration TIMEOUT 180 SKIP_RETURN_CODE 77
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
