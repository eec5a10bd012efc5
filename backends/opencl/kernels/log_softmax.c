/* SPDX-License-Identifier: MIT */
#include "soft.h"

OCL_SOFT(log_softmax, OCL_LOG_SOFTMAX);
