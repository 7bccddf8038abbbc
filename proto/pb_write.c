#include "proto/pb_write.h"

void pb_move_up(struct pb_out *o, uint8_t *at)
{
    enum { LENGTH_MAX_BYTES = 5 };
    uint8_t length[PB_VARINT_MAX];
    size_t n = (size_t)(o->p - at) - 1, bytes = (size_t)(pb_varint(length, n) - length);
    assert(bytes <= LENGTH_MAX_BYTES);
    pb_room(o, bytes - 1);
    memmove(at + bytes, at + 1, n);
    memcpy(at, length, bytes);
    o->p += bytes - 1;
}
