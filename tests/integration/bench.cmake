# That the scripts of bench/ run: no figure is asserted.
if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND TARGET bench_load AND BF_PYTHON3)
  add_test(NAME integration/bench COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/bench/bench.py --quick --rows S3,S5,S6,S8)
  set_tests_properties(integration/bench PROPERTIES LABELS integration TIMEOUT 300 ENVIRONMENT "BF_BUILD=${CMAKE_BINARY_DIR}")
endif()
