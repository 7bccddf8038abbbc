if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND BF_PYTHON3)
  add_test(NAME integration/governor COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_governor.py)
  set_tests_properties(integration/governor PROPERTIES LABELS integration TIMEOUT 180 ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
