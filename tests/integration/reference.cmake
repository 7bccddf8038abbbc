# The example with every key that works, run for real.
if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND TARGET bf-sql AND BF_PYTHON3)
  add_test(NAME integration/reference COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_reference.py)
  set_tests_properties(integration/reference PROPERTIES LABELS integration TIMEOUT 180 SKIP_RETURN_CODE 77
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
