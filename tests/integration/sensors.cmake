if(BF_PYTHON3)
  add_test(NAME integration/sensors COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_sensors.py)
  set_tests_properties(integration/sensors PROPERTIES LABELS integration TIMEOUT 200 ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
