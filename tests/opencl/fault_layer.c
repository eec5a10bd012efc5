/* SPDX-License-Identifier: MIT */
/* A layer between a program and its OpenCL driver that fails a chosen call and counts what is
 * alive. The loader puts it there: OPENCL_LAYERS=/path/to/fault_layer.so. Named as a driver, it is
 * one that finds no device. It reads
 *   LIMBECK_FAULT=KIND:N[+][:ERROR]  the N-th call of a kind fails, from 1 (with + all after it),
 *                                    with that OpenCL error, or what is usual for the kind
 *   LIMBECK_FAULT_TILE=TEXT          kernels whose text has that line compute one group only
 *   LIMBECK_WHOLE_WRITES=1           writes, fills and copies become writes of whole buffers: after
 *                                    another one Oclgrind 21.10 takes the rest for uninitialised
 *   LIMBECK_FAULT_REPORT=FILE        written at exit, lines of
 *                                    calls KIND N, hit KIND N (that failed), left OBJECT N (alive),
 *                                    kernel NAME N (launches, by the name without its hash) */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "loader.h"
#include <CL/cl_layer.h>

/* Several functions may be of one kind; those marked 1 are counted as `any` too: the queue's. */
#define KINDS(X)                                                                                   \
    X(platforms, 0, CL_OUT_OF_HOST_MEMORY)                                                         \
    X(devices, 0, CL_DEVICE_NOT_FOUND)                                                             \
    X(info, 0, CL_OUT_OF_HOST_MEMORY)                                                              \
    X(context, 0, CL_DEVICE_NOT_AVAILABLE)                                                         \
    X(queue, 0, CL_OUT_OF_HOST_MEMORY)                                                             \
    X(alloc, 0, CL_MEM_OBJECT_ALLOCATION_FAILURE)                                                  \
    X(program, 0, CL_OUT_OF_HOST_MEMORY)                                                           \
    X(build, 0, CL_BUILD_PROGRAM_FAILURE)                                                          \
    X(kernel, 0, CL_OUT_OF_HOST_MEMORY)                                                            \
    X(arg, 0, CL_OUT_OF_RESOURCES)                                                                 \
    X(launch, 1, CL_OUT_OF_RESOURCES)                                                              \
    X(read, 1, CL_OUT_OF_RESOURCES)                                                                \
    X(write, 1, CL_OUT_OF_RESOURCES)                                                               \
    X(copy, 1, CL_OUT_OF_RESOURCES)                                                                \
    X(fill, 1, CL_OUT_OF_RESOURCES)                                                                \
    X(map, 1, CL_MAP_FAILURE)                                                                      \
    X(unmap, 1, CL_OUT_OF_RESOURCES)                                                               \
    X(marker, 1, CL_OUT_OF_RESOURCES)                                                              \
    X(flush, 1, CL_OUT_OF_RESOURCES)                                                               \
    X(finish, 1, CL_OUT_OF_RESOURCES)                                                              \
    X(wait, 1, CL_OUT_OF_RESOURCES)                                                                \
    X(profile, 0, CL_PROFILING_INFO_NOT_AVAILABLE)                                                 \
    X(any, 0, CL_OUT_OF_RESOURCES)
#define OBJECTS(X) X(contexts) X(queues) X(buffers) X(programs) X(kernels) X(events) X(maps)

#define KIND_ID(name, queued, error) K_##name,
#define KIND_ROW(name, queued, error) { #name, queued, error },
#define OBJECT_ID(name) O_##name,
#define OBJECT_NAME(name) #name,
enum kind { KINDS(KIND_ID) KIND_COUNT };
enum object { OBJECTS(OBJECT_ID) OBJECT_COUNT };
static const struct {
    const char *name;
    int queued;
    cl_int error;
} kinds[] = { KINDS(KIND_ROW) };
static const char *const objects[] = { OBJECTS(OBJECT_NAME) };

static const cl_icd_dispatch *next;
static cl_icd_dispatch layer;
static atomic_long calls[KIND_COUNT], hits[KIND_COUNT], alive[OBJECT_COUNT];
static struct {
    enum kind kind;
    long n;
    int from_there_on;
    cl_int error;
} fault = { .kind = KIND_COUNT };
static int whole_writes;

enum { LAUNCHED_MOST = 256 };
static struct {
    char name[96];
    long n;
} launched[LAUNCHED_MOST];

static cl_int count(enum kind k)
{
    const long n = atomic_fetch_add(&calls[k], 1) + 1;
    if (k != fault.kind || !(n == fault.n || (fault.from_there_on && n > fault.n)))
        return CL_SUCCESS;
    atomic_fetch_add(&hits[k], 1);
    return fault.error;
}

/* The error that this call is to give. */
static cl_int hit(enum kind k)
{
    const cl_int any = kinds[k].queued ? count(K_any) : CL_SUCCESS;
    const cl_int own = count(k);
    return own ? own : any;
}

static void born(enum object o, const void *p)
{
    if (p)
        atomic_fetch_add(&alive[o], 1);
}

#define CALL(kind, fn, params, args)                                                               \
    static cl_int CL_API_CALL layer_##fn params                                                    \
    {                                                                                              \
        const cl_int error = hit(K_##kind);                                                        \
        return error ? error : next->fn args;                                                      \
    }
/* Gives an event when it is asked for one. */
#define ENQUEUE(kind, fn, params, call)                                                            \
    static cl_int CL_API_CALL layer_##fn params                                                    \
    {                                                                                              \
        cl_int error = hit(K_##kind);                                                              \
        error = error ? error : call;                                                              \
        if (!error)                                                                                \
            born(O_events, event);                                                                 \
        return error;                                                                              \
    }
#define CREATE(kind, object, type, fn, params, args)                                               \
    static type CL_API_CALL layer_##fn params                                                      \
    {                                                                                              \
        cl_int error = hit(K_##kind);                                                              \
        type made = error ? NULL : next->fn args;                                                  \
        born(O_##object, made);                                                                    \
        if (error_ret)                                                                             \
            *error_ret = error;                                                                    \
        return made;                                                                               \
    }
#define RELEASE(object, type, fn)                                                                  \
    static cl_int CL_API_CALL layer_##fn(type p)                                                   \
    {                                                                                              \
        const cl_int error = next->fn(p);                                                          \
        if (!error)                                                                                \
            atomic_fetch_sub(&alive[O_##object], 1);                                               \
        return error;                                                                              \
    }
#define WAITS cl_uint waits, const cl_event *wait, cl_event *event
#define WAIT waits, wait, event

CALL(platforms, clGetPlatformIDs, (cl_uint room, cl_platform_id *p, cl_uint *n), (room, p, n))
CALL(info, clGetPlatformInfo,
     (cl_platform_id p, cl_platform_info what, size_t room, void *to, size_t *n),
     (p, what, room, to, n))
CALL(devices, clGetDeviceIDs,
     (cl_platform_id p, cl_device_type type, cl_uint room, cl_device_id *d, cl_uint *n),
     (p, type, room, d, n))
CALL(info, clGetDeviceInfo, (cl_device_id d, cl_device_info what, size_t room, void *to, size_t *n),
     (d, what, room, to, n))
CALL(info, clGetKernelWorkGroupInfo,
     (cl_kernel k, cl_device_id d, cl_kernel_work_group_info what, size_t room, void *to,
      size_t *n),
     (k, d, what, room, to, n))
CALL(info, clGetProgramInfo,
     (cl_program p, cl_program_info what, size_t room, void *to, size_t *n), (p, what, room, to, n))
CALL(info, clGetProgramBuildInfo,
     (cl_program p, cl_device_id d, cl_program_build_info what, size_t room, void *to, size_t *n),
     (p, d, what, room, to, n))

CREATE(context, contexts, cl_context, clCreateContext,
       (const cl_context_properties *how, cl_uint n, const cl_device_id *d,
        void(CL_CALLBACK *tell)(const char *, const void *, size_t, void *), void *ud,
        cl_int *error_ret),
       (how, n, d, tell, ud, &error))
CREATE(queue, queues, cl_command_queue, clCreateCommandQueue,
       (cl_context c, cl_device_id d, cl_command_queue_properties how, cl_int *error_ret),
       (c, d, how, &error))
CREATE(alloc, buffers, cl_mem, clCreateBuffer,
       (cl_context c, cl_mem_flags how, size_t n, void *host, cl_int *error_ret),
       (c, how, n, host, &error))
/* As one text, with what makes every group the first one. */
static cl_program broken(cl_context c, const char *text, const char *at, cl_int *error)
{
    static const char more[] = "#define get_group_id(d) 0\n";
    const size_t size = strlen(text) + sizeof more;
    char *all = malloc(size);
    if (all)
        snprintf(all, size, "%.*s%s%s", (int) (at - text), text, more, at);
    const char *const changed = all ? all : text;
    cl_program made = next->clCreateProgramWithSource(c, 1, (const char **) &changed, NULL, error);
    free(all);
    return made;
}

static cl_program create_program(cl_context c, cl_uint n, const char **text, const size_t *length,
                                 cl_int *error)
{
    const char *line = getenv("LIMBECK_FAULT_TILE");
    const char *at = line && n == 1 && !length ? strstr(text[0], line) : NULL;
    return at ? broken(c, text[0], at, error)
              : next->clCreateProgramWithSource(c, n, text, length, error);
}

static cl_program CL_API_CALL layer_clCreateProgramWithSource(cl_context c, cl_uint n,
                                                              const char **text,
                                                              const size_t *length,
                                                              cl_int *error_ret)
{
    cl_int error = hit(K_program);
    cl_program made = error ? NULL : create_program(c, n, text, length, &error);
    born(O_programs, made);
    if (error_ret)
        *error_ret = error;
    return made;
}
CREATE(program, programs, cl_program, clCreateProgramWithBinary,
       (cl_context c, cl_uint n, const cl_device_id *d, const size_t *length,
        const unsigned char **code, cl_int *status, cl_int *error_ret),
       (c, n, d, length, code, status, &error))
CREATE(kernel, kernels, cl_kernel, clCreateKernel,
       (cl_program p, const char *name, cl_int *error_ret), (p, name, &error))
RELEASE(contexts, cl_context, clReleaseContext)
RELEASE(queues, cl_command_queue, clReleaseCommandQueue)
RELEASE(buffers, cl_mem, clReleaseMemObject)
RELEASE(programs, cl_program, clReleaseProgram)
RELEASE(kernels, cl_kernel, clReleaseKernel)
RELEASE(events, cl_event, clReleaseEvent)

CALL(build, clBuildProgram,
     (cl_program p, cl_uint n, const cl_device_id *d, const char *options,
      void(CL_CALLBACK *tell)(cl_program, void *), void *ud),
     (p, n, d, options, tell, ud))
CALL(arg, clSetKernelArg, (cl_kernel k, cl_uint i, size_t size, const void *v), (k, i, size, v))

/* Repeats `unit` bytes of data, or of another buffer, over [at, at + n) of a buffer. */
static cl_int write_whole(cl_command_queue q, cl_mem m, cl_mem from, size_t from_at,
                          const void *data, size_t unit, size_t at, size_t n, WAITS)
{
    size_t size = 0;
    cl_int error = next->clGetMemObjectInfo(m, CL_MEM_SIZE, sizeof size, &size, NULL);
    char *all = malloc(size + 1);
    if (!error)
        error = all && at + n <= size
                    ? next->clEnqueueReadBuffer(q, m, CL_TRUE, 0, size, all, waits, wait, NULL)
                    : CL_INVALID_VALUE;
    if (!error && from)
        error = next->clEnqueueReadBuffer(q, from, CL_TRUE, from_at, n, all + at, 0, NULL, NULL);
    for (size_t i = 0; !error && data && i + unit <= n; i += unit)
        memcpy(all + at + i, data, unit);
    if (!error)
        error = next->clEnqueueWriteBuffer(q, m, CL_TRUE, 0, size, all, 0, NULL, event);
    free(all);
    return error;
}

static void note(cl_kernel k)
{
    char name[sizeof launched[0].name] = "";
    int i = 0;
    next->clGetKernelInfo(k, CL_KERNEL_FUNCTION_NAME, sizeof name - 1, name, NULL);
    char *hash = strrchr(name, '_');
    if (hash)
        *hash = '\0';
    while (i < LAUNCHED_MOST - 1 && launched[i].n && strcmp(launched[i].name, name))
        i++;
    memcpy(launched[i].name, name, sizeof name);
    launched[i].n++;
}

/* From one thread at a time, as the backend's owner is one. */
static cl_int CL_API_CALL layer_clEnqueueNDRangeKernel(cl_command_queue q, cl_kernel k,
                                                       cl_uint dims, const size_t *offset,
                                                       const size_t *global, const size_t *local,
                                                       WAITS)
{
    cl_int error = hit(K_launch);
    if (!error)
        error = next->clEnqueueNDRangeKernel(q, k, dims, offset, global, local, WAIT);
    if (!error) {
        born(O_events, event);
        note(k);
    }
    return error;
}

ENQUEUE(read, clEnqueueReadBuffer,
        (cl_command_queue q, cl_mem m, cl_bool block, size_t at, size_t n, void *to, WAITS),
        next->clEnqueueReadBuffer(q, m, block, at, n, to, WAIT))
ENQUEUE(write, clEnqueueWriteBuffer,
        (cl_command_queue q, cl_mem m, cl_bool block, size_t at, size_t n, const void *from,
         WAITS),
        whole_writes ? write_whole(q, m, NULL, 0, from, n, at, n, WAIT)
                     : next->clEnqueueWriteBuffer(q, m, block, at, n, from, WAIT))
ENQUEUE(copy, clEnqueueCopyBuffer,
        (cl_command_queue q, cl_mem from, cl_mem to, size_t from_at, size_t to_at, size_t n,
         WAITS),
        whole_writes ? write_whole(q, to, from, from_at, NULL, n, to_at, n, WAIT)
                     : next->clEnqueueCopyBuffer(q, from, to, from_at, to_at, n, WAIT))
ENQUEUE(fill, clEnqueueFillBuffer,
        (cl_command_queue q, cl_mem m, const void *pattern, size_t size, size_t at, size_t n,
         WAITS),
        whole_writes ? write_whole(q, m, NULL, 0, pattern, size, at, n, WAIT)
                     : next->clEnqueueFillBuffer(q, m, pattern, size, at, n, WAIT))
ENQUEUE(marker, clEnqueueMarkerWithWaitList, (cl_command_queue q, WAITS),
        next->clEnqueueMarkerWithWaitList(q, WAIT))
CALL(flush, clFlush, (cl_command_queue q), (q))
CALL(finish, clFinish, (cl_command_queue q), (q))
CALL(wait, clWaitForEvents, (cl_uint n, const cl_event *e), (n, e))
CALL(profile, clGetEventProfilingInfo,
     (cl_event e, cl_profiling_info what, size_t room, void *to, size_t *n),
     (e, what, room, to, n))

static void *CL_API_CALL layer_clEnqueueMapBuffer(cl_command_queue q, cl_mem m, cl_bool block,
                                                  cl_map_flags how, size_t at, size_t n, WAITS,
                                                  cl_int *error_ret)
{
    cl_int error = hit(K_map);
    void *p = error ? NULL : next->clEnqueueMapBuffer(q, m, block, how, at, n, WAIT, &error);
    born(O_maps, p);
    born(O_events, p ? event : NULL);
    if (error_ret)
        *error_ret = error;
    return p;
}

/* What is mapped is given back even when this says that it failed: nobody can try again. */
static cl_int CL_API_CALL layer_clEnqueueUnmapMemObject(cl_command_queue q, cl_mem m, void *p,
                                                        WAITS)
{
    const cl_int told = hit(K_unmap);
    const cl_int error = next->clEnqueueUnmapMemObject(q, m, p, waits, wait, told ? NULL : event);
    if (!error)
        atomic_fetch_sub(&alive[O_maps], 1);
    if (!error && !told)
        born(O_events, event);
    return told ? told : error;
}

/* Every function that the backend takes from the loader; none passes by uncounted. */
#define PUT(f) layer.cl##f = layer_cl##f;

/* false: this names no fault. */
static int parse_fault(const char *s)
{
    const char *colon = strchr(s, ':');
    char *end;
    for (int k = 0; colon && k < KIND_COUNT; k++)
        if (strlen(kinds[k].name) == (size_t) (colon - s) &&
            !strncmp(kinds[k].name, s, strlen(kinds[k].name)))
            fault.kind = (enum kind) k;
    if (fault.kind == KIND_COUNT)
        return 0;
    fault.n = strtol(colon + 1, &end, 10);
    fault.from_there_on = *end == '+';
    end += *end == '+';
    fault.error = *end == ':' ? (cl_int) strtol(end + 1, &end, 10) : kinds[fault.kind].error;
    return fault.n > 0 && !*end && fault.error;
}

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t room, void *to, size_t *n)
{
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char name[] = "limbeck faults";
    const void *v = what == CL_LAYER_API_VERSION ? (const void *) &version : name;
    const size_t bytes = what == CL_LAYER_API_VERSION ? sizeof version : sizeof name;
    if ((what != CL_LAYER_API_VERSION && what != CL_LAYER_NAME) || (to && room < bytes))
        return CL_INVALID_VALUE;
    if (to)
        memcpy(to, v, bytes);
    if (n)
        *n = bytes;
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint n, const cl_icd_dispatch *target, cl_uint *mine,
                                            const cl_icd_dispatch **out)
{
    const char *s = getenv("LIMBECK_FAULT");
    if (!target || !mine || !out || n < sizeof layer / sizeof(void *))
        return CL_INVALID_VALUE;
    if (s && *s && !parse_fault(s)) {
        fprintf(stderr, "fault_layer: LIMBECK_FAULT is '%s', expected KIND:N[+][:ERROR]\n", s);
        return CL_INVALID_VALUE;
    }
    whole_writes = getenv("LIMBECK_WHOLE_WRITES") != NULL;
    next = target;
    layer = *target;
    OCL_FUNCTIONS(PUT)
    *mine = sizeof layer / sizeof(void *);
    *out = &layer;
    return CL_SUCCESS;
}

/* What drivers say whose kernel module is missing: CL_PLATFORM_NOT_FOUND_KHR. */
CL_API_ENTRY cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint room, cl_platform_id *p, cl_uint *n)
{
    (void) room, (void) p;
    if (n)
        *n = 0;
    return -1001;
}

__attribute__((destructor)) static void write_report(void)
{
    const char *path = getenv("LIMBECK_FAULT_REPORT");
    FILE *f = path && next ? fopen(path, "w") : NULL;
    if (!f)
        return;
    for (int k = 0; k < KIND_COUNT; k++)
        fprintf(f, "calls %s %ld\nhit %s %ld\n", kinds[k].name, atomic_load(&calls[k]),
                kinds[k].name, atomic_load(&hits[k]));
    for (int o = 0; o < OBJECT_COUNT; o++)
        fprintf(f, "left %s %ld\n", objects[o], atomic_load(&alive[o]));
    for (int i = 0; i < LAUNCHED_MOST && launched[i].n; i++)
        fprintf(f, "kernel %s %ld\n", launched[i].name, launched[i].n);
    fclose(f);
}
