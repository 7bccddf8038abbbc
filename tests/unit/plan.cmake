# The plan compiler.  tests/unit/plans holds documents with what the compiler must say about them.
foreach(thing corpus compile template partition wfformat hash)
  bf_unit_test(test_plan_${thing} SOURCES test_plan_${thing}.c test_plan_support.c LIBS bf_plan bf_common)
  if(TARGET test_plan_${thing})
    target_compile_definitions(test_plan_${thing} PRIVATE BF_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  endif()
endforeach()
