#include "agent/sql/swap.h"
bool swap_in_transaction(struct attempt *x) { (void)x; return true; }
void swap_run(struct attempt *x) { (void)x; }
