if(BF_PYTHON3)
  add_test(NAME integration/probe COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_probe.py)
  set_tests_properties(integration/probe PROPERTIES LABELS integration TIMEOUT 300 ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
