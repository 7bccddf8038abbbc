# The plan compiler.  tests/unit/plans holds documents with what the compiler must say about them.
foreach(thing keys reference selector corpus compile template wfformat hash canonical diff outside odbc sql_scan spec probe budget)
  bf_unit_test(test_plan_${thing} SOURCES test_plan_${thing}.c test_plan_support.c LIBS bf_plan bf_proto bf_common PkgConfig::jansson)
  if(TARGET test_plan_${thing})
    target_compile_definitions(test_plan_${thing} PRIVATE BF_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  endif()
endforeach()
# Time itself; the zones are those of the system (tzdata).
foreach(thing zone partition span window)
  bf_unit_test(test_plan_${thing} SOURCES test_plan_${thing}.c zone_fixture.c LIBS bf_plan bf_proto bf_common)
endforeach()
