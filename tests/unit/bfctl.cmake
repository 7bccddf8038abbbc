foreach(thing words progress failures commands cluster token)
  bf_unit_test(test_bfctl_${thing} SOURCES test_bfctl_${thing}.c LIBS bf_ctl PkgConfig::jansson)
endforeach()
