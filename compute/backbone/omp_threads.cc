#include "compute/backbone/omp_threads.h"

#include <omp.h>

namespace nevus {

ScopedOmpThreads::ScopedOmpThreads(int threads)
    : before_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}

ScopedOmpThreads::~ScopedOmpThreads() { omp_set_num_threads(before_); }

}  // namespace nevus
