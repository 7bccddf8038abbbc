/* What this host has for steps: the control group that the agent lives in counts, not the machine (a container's limit is seen). */
#ifndef BF_AGENT_CAPACITY_H
#define BF_AGENT_CAPACITY_H

#include <stdint.h>

/* Thousandths of a processor that this process may use: its affinity, and the CPU limits of its control group and those above. */
uint64_t capacity_cpu_milli(void);
/* Memory: of the machine, and of the limits of its control group and those above. */
uint64_t capacity_memory_bytes(void);

#endif
