/* SPDX-License-Identifier: MIT */
/* A map: straight-line code for each element. */
KERNEL(map)(const int nx, const int ny, const int nz AXES_PARAMS EPI_PARAMS)
{
    EPI_OPEN
    const int x = (int) get_global_id(0), y = (int) get_global_id(1), z = (int) get_global_id(2);
    if (x >= nx || y >= ny || z >= nz)
        return;
    MAP_PLACE
    MAP_BODY
}
