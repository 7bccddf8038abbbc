foreach(thing split guard targets dialect session script request scrub report decimal)
  bf_unit_test(test_sql_${thing} SOURCES test_sql_${thing}.c LIBS bf_sql bf_common)
endforeach()
bf_unit_test(test_sql_check SOURCES test_sql_check.c LIBS bf_sql bf_common PkgConfig::jansson)
# Both sides of what a step may hold.
bf_unit_test(test_sql_limits SOURCES test_sql_limits.c test_plan_support.c LIBS bf_sql bf_plan bf_proto bf_common PkgConfig::jansson)
