# proto_samples*.c make messages and compare them; they are no tests.
foreach(thing agent operator record bundle robust hostile wire hot)
  bf_unit_test(test_proto_${thing} SOURCES test_proto_${thing}.c proto_samples.c proto_samples_agent.c LIBS bf_proto bf_common)
endforeach()
if(TARGET test_proto_wire)
  # These look at the wire itself, below the plain structs.
  target_link_libraries(test_proto_wire PRIVATE PkgConfig::libprotobuf-c)
  target_link_libraries(test_proto_hostile PRIVATE PkgConfig::libprotobuf-c)
  target_link_libraries(test_proto_hot PRIVATE bf_proto_gen)
endif()
bf_unit_test(test_audit LIBS bf_proto bf_common)
