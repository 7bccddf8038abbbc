/* Planted bugs: built in only with -DBF_PLANTS=1, so that the simulator can show that its checkers find them.
 * `if (BF_PLANTED("name")) …` at the place where the guard would be left out; `bfsim --plant name` selects one. */
#ifndef BF_COMMON_PLANT_H
#define BF_COMMON_PLANT_H

#ifdef BF_PLANTS
#include <string.h>
extern const char *bf_plant;                 /* NULL: none */
#define BF_PLANTED(name) (bf_plant && strcmp(bf_plant, (name)) == 0)
#else
#define BF_PLANTED(name) 0
#endif

#endif
