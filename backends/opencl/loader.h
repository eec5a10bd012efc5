/* SPDX-License-Identifier: MIT */
/* The OpenCL ICD loader, found when a device is asked for: the module installs and loads without it. */
#ifndef LBK_OCL_LOADER_H
#define LBK_OCL_LOADER_H
#include <stdbool.h>
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#define OCL_FUNCTIONS(X)                                                                           \
    X(GetPlatformIDs) X(GetPlatformInfo) X(GetDeviceIDs) X(GetDeviceInfo) X(CreateContext)         \
    X(ReleaseContext) X(CreateCommandQueue) X(ReleaseCommandQueue) X(CreateBuffer)                 \
    X(ReleaseMemObject) X(CreateProgramWithSource) X(CreateProgramWithBinary) X(BuildProgram)      \
    X(GetProgramInfo) X(GetProgramBuildInfo) X(ReleaseProgram) X(CreateKernel) X(ReleaseKernel)    \
    X(SetKernelArg) X(GetKernelWorkGroupInfo) X(EnqueueNDRangeKernel) X(EnqueueReadBuffer)         \
    X(EnqueueWriteBuffer) X(EnqueueCopyBuffer) X(EnqueueFillBuffer) X(EnqueueMapBuffer)            \
    X(EnqueueUnmapMemObject) X(EnqueueMarkerWithWaitList) X(WaitForEvents)                         \
    X(GetEventProfilingInfo) X(ReleaseEvent) X(Flush) X(Finish)

struct cl_api {
    void *library;
#define OCL_MEMBER(f) __typeof__(cl##f) *f;
    OCL_FUNCTIONS(OCL_MEMBER)
#undef OCL_MEMBER
};
/* NULL and why not. Drivers are first asked in a child process, as some end the program they are in: then why is ocl_crashes.
 * ocl_unload also closes the library, which stays mapped: drivers own threads. */
const struct cl_api *ocl_load(const char **why);
extern const char ocl_crashes[];
void ocl_unload(const struct cl_api *cl);
/* NULL: there is none of that name. It stays mapped after it is closed. NULL may be closed. */
void *ocl_library(const char *name);
void ocl_library_close(void *library);
/* The name of its file, links followed, without its folder; "" if that is not known. */
void ocl_library_file(void *library, char *to, size_t size);
/* Its function of that name, into the pointer at to; false: it has none. */
bool ocl_library_function(void *library, const char *name, void *to);
/* Does the library of a driver load, is it one, and does it offer a platform, as the loader would ask? Otherwise why not: the
 * end of a sentence about it. */
enum ocl_driver { OCL_DRIVER_WORKS, OCL_DRIVER_BROKEN, OCL_DRIVER_IDLE };
enum ocl_driver ocl_driver_try(const char *library, char *why, size_t size);

#endif
