if(BF_PYTHON3)
  add_test(NAME integration/sessions COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_sessions.py)
  set_tests_properties(integration/sessions PROPERTIES LABELS integration TIMEOUT 400 ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
