if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND BF_PYTHON3)
  foreach(name exit_status surface)
    add_test(NAME integration/${name} COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_${name}.py)
    set_tests_properties(integration/${name} PROPERTIES LABELS integration TIMEOUT 180 SKIP_RETURN_CODE 77
                         ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
  endforeach()
endif()
