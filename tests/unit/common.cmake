foreach(thing z85 supervisor rc error mem arena buf map text diag yaml config options civil prng crc32c files zonefiles log clock sql_class sketch)
  bf_unit_test(test_${thing} SOURCES test_${thing}.c LIBS bf_common)
endforeach()
