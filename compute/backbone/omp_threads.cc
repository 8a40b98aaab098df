#include "compute/backbone/omp_threads.h"

#include <omp.h>

namespace nevus {

ScopedOmpThreads::ScopedOmpThreads(int threads)
    : before_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}

ScopedOmpThreads::~ScopedOmpThreads() { omp_set_num_threads(before_); }

ScopedOmpHelpers::~ScopedOmpHelpers() {
  omp_pause_resource_all(omp_pause_soft);
}

}  // namespace nevus
