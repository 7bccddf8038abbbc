if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND BF_PYTHON3)
  add_test(NAME integration/why COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_why.py)
  set_tests_properties(integration/why PROPERTIES LABELS integration TIMEOUT 180 SKIP_RETURN_CODE 77
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin;BF_SHIMS=${CMAKE_BINARY_DIR}/tests")
endif()
