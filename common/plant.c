/* The selected planted bug; see plant.h. */
#include "common/plant.h"

#ifdef BF_PLANTS
const char *bf_plant;
#else
extern int bf_plant_unused;
#endif
