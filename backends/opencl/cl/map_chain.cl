/* SPDX-License-Identifier: MIT */
/* Several maps that do the same to other buffers: y says which. */
KERNEL(map_chain)(CHAIN_PARAMS)
{
    const int at = (int) get_global_id(0), part = (int) get_global_id(1);
    CHAIN_LENGTH
    if (at >= nx || part >= PARTS)
        return;
    CHAIN_OPEN
    MAP_BODY
}
