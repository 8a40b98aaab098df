#include "compute/torch/blas_threads.h"

#include <dlfcn.h>

namespace nevus {

int BlasThreads() {
  void* const get = dlsym(RTLD_DEFAULT, "openblas_get_num_threads");
  return get ? reinterpret_cast<int (*)()>(get)() : 0;
}

void SetBlasThreads(int threads) {
  if (void* const set = dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) {
    reinterpret_cast<void (*)(int)>(set)(threads);
  }
}

}  // namespace nevus
