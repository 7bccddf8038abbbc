# The engine.  tests/support/engine_fixture.c builds plans by hand, so that these tests do not depend on the plan compiler.
foreach(thing seed prefetch closing why alerts basics breakers breaker_votes breakers_forgotten windows timebox restore agents audit halt keys commands steer priority pools shares yields failure outside queue reuse property recovery lease topology governor profile sensor place pace rerun bounds outage)
  bf_unit_test(test_engine_${thing} SOURCES test_engine_${thing}.c ../support/engine_fixture.c ../support/engine_chaos.c LIBS bf_engine bf_plan bf_proto bf_common m)
endforeach()
bf_unit_test(test_governor SOURCES test_governor.c LIBS bf_engine bf_common)
