foreach(thing split guard targets dialect script request scrub report)
  bf_unit_test(test_sql_${thing} SOURCES test_sql_${thing}.c LIBS bf_sql bf_common)
endforeach()
