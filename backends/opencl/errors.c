/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include "ocl.h"

enum { NVIDIA_ILLEGAL_ACCESS = -9999 };
static const struct {
    cl_int code;
    const char *name;
} names[] = {
    { CL_DEVICE_NOT_FOUND, "device not found" },
    { CL_DEVICE_NOT_AVAILABLE, "device not available" },
    { CL_COMPILER_NOT_AVAILABLE, "compiler not available" },
    { CL_MEM_OBJECT_ALLOCATION_FAILURE, "memory object allocation failure" },
    { CL_OUT_OF_RESOURCES, "out of resources" },
    { CL_OUT_OF_HOST_MEMORY, "out of host memory" },
    { CL_PROFILING_INFO_NOT_AVAILABLE, "profiling info not available" },
    { CL_MEM_COPY_OVERLAP, "copy of overlapping memory" },
    { CL_BUILD_PROGRAM_FAILURE, "build program failure" },
    { CL_MAP_FAILURE, "map failure" },
    { CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "a command waited for has failed" },
    { CL_COMPILE_PROGRAM_FAILURE, "compile program failure" },
    { CL_INVALID_VALUE, "invalid value" },
    { CL_INVALID_DEVICE, "invalid device" },
    { CL_INVALID_CONTEXT, "invalid context" },
    { CL_INVALID_QUEUE_PROPERTIES, "invalid queue properties" },
    { CL_INVALID_COMMAND_QUEUE, "invalid command queue" },
    { CL_INVALID_MEM_OBJECT, "invalid memory object" },
    { CL_INVALID_BINARY, "invalid binary" },
    { CL_INVALID_BUILD_OPTIONS, "invalid build options" },
    { CL_INVALID_PROGRAM, "invalid program" },
    { CL_INVALID_PROGRAM_EXECUTABLE, "invalid program executable" },
    { CL_INVALID_KERNEL_NAME, "invalid kernel name" },
    { CL_INVALID_KERNEL_DEFINITION, "invalid kernel definition" },
    { CL_INVALID_KERNEL, "invalid kernel" },
    { CL_INVALID_ARG_INDEX, "invalid argument index" },
    { CL_INVALID_ARG_VALUE, "invalid argument value" },
    { CL_INVALID_ARG_SIZE, "invalid argument size" },
    { CL_INVALID_KERNEL_ARGS, "invalid kernel arguments" },
    { CL_INVALID_WORK_DIMENSION, "invalid work dimension" },
    { CL_INVALID_WORK_GROUP_SIZE, "invalid work-group size" },
    { CL_INVALID_WORK_ITEM_SIZE, "invalid work-item size" },
    { CL_INVALID_EVENT, "invalid event" },
    { CL_INVALID_OPERATION, "invalid operation" },
    { CL_INVALID_BUFFER_SIZE, "invalid buffer size" },
    { NVIDIA_ILLEGAL_ACCESS, "illegal access to memory by a kernel" },
    { CL_INVALID_GLOBAL_WORK_SIZE, "invalid global work size" },
    /* of CLBlast */
    { -1024, "not implemented" },
    { -1022, "invalid matrix a" },
    { -1021, "invalid matrix b" },
    { -1020, "invalid matrix c" },
    { -1017, "invalid dimension" },
    { -1016, "invalid leading dimension of a" },
    { -1015, "invalid leading dimension of b" },
    { -1014, "invalid leading dimension of c" },
    { -1011, "matrix a is larger than its buffer" },
    { -1010, "matrix b is larger than its buffer" },
    { -1009, "matrix c is larger than its buffer" },
    { -2049, "invalid batch count" },
    { -2046, "too little local memory" },
    { -2041, "database error" },
    { -2040, "unknown error of CLBlast" },
    { -2039, "unexpected error of CLBlast" },
};

const char *ocl_error_name(cl_int err)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == err)
            return names[i].name;
    return "unknown error";
}

bool ocl_is_memory(cl_int err)
{
    return err == CL_MEM_OBJECT_ALLOCATION_FAILURE || err == CL_OUT_OF_HOST_MEMORY ||
           err == CL_INVALID_BUFFER_SIZE;
}

/* After a fault in a kernel, a reset or a hang, drivers answer so from then on. */
bool ocl_is_loss(cl_int err)
{
    return err == CL_DEVICE_NOT_AVAILABLE || err == CL_INVALID_COMMAND_QUEUE ||
           err == NVIDIA_ILLEGAL_ACCESS || err == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
}

lbk_status ocl_check(lbk_drv *d, cl_int err, const char *what)
{
    if (!err)
        return LBK_OK;
    d->told = true;
    if (ocl_is_loss(err))
        return lbk_fail(d->ctx, LBK_EDEVICE,
                        "opencl: '%s' was lost at %s: %s (%d); see the system log of the driver",
                        d->name, what, ocl_error_name(err), err);
    return lbk_fail(d->ctx, ocl_is_memory(err) ? LBK_ENOMEM : LBK_EDEVICE,
                    "opencl: '%s', %s: %s (%d)", d->name, what, ocl_error_name(err), err);
}
