bf_unit_test(test_agent_core SOURCES test_agent_core.c LIBS bf_agentcore bf_common)
