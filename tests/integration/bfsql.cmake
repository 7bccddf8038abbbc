if(TARGET bf-sql AND BF_PYTHON3)
  foreach(part bfsql bfsql_protocol bfsql_faults bfsql_swap bfsql_warehouse)
    add_test(NAME integration/${part}
             COMMAND ${BF_PYTHON3} ${PROJECT_SOURCE_DIR}/tests/integration/test_${part}.py $<TARGET_FILE:bf-sql>)
    set_tests_properties(integration/${part} PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77)
  endforeach()
endif()
