#include "compute/torch/blas.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compute/backbone/omp_threads.h"
#include "compute/torch/blas_threads.h"

namespace nevus {
namespace {

// A core with AVX2 makes 30 and more; the reference library 2 to 5.
constexpr double kSlowGflops = 10;

// Looks the symbol up as the dynamic linker did for LibTorch.
std::string LibraryOf(const char* symbol) {
  Dl_info info;
  void* const address = dlsym(RTLD_DEFAULT, symbol);
  if (address == nullptr || dladdr(address, &info) == 0) return "unknown";
  char* const resolved = realpath(info.dli_fname, nullptr);
  const std::string library = resolved ? resolved : info.dli_fname;
  free(resolved);
  return library;
}

double MeasureGflops() {
  constexpr int kSize = 768, kRuns = 5;
  const c10::InferenceMode inference;
  const at::Tensor a = at::ones({kSize, kSize}), b = at::ones({kSize, kSize});
  double best_s = 1e9;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor product = at::mm(a, b);
    const std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    best_s = std::min(best_s, elapsed.count());
  }
  return 2e-9 * kSize * kSize * kSize / best_s;
}

}  // namespace

BlasInfo MeasureBlas(int threads) {
  BlasInfo blas;
  blas.library = LibraryOf("sgemm_");
  at::get_num_threads();  // LibTorch's own setting of this thread, first
  const ScopedOmpThreads scope(threads);
  const int before = BlasThreads();
  SetBlasThreads(threads);
  blas.gflops = MeasureGflops();
  SetBlasThreads(before);
  const bool reference = absl::StrContains(blas.library, "/blas/libblas.so");
  if (reference || blas.gflops < kSlowGflops) {
    blas.problem = absl::StrCat(
        "LibTorch's matrix products run at ",
        absl::StrFormat("%.1f", blas.gflops), " GFLOP/s through ", blas.library,
        reference ? " (the reference BLAS)" : "",
        "; 60 and more are usual. Install libopenblas0-pthread and restart");
  }
  return blas;
}

double MeasureTrainingProducts(int rows, int inputs, int hidden) {
  constexpr int kRuns = 20;
  at::get_num_threads();
  const ScopedOmpThreads scope(1);
  const int before = BlasThreads();
  SetBlasThreads(1);
  const c10::InferenceMode inference;
  const at::Tensor z = at::ones({rows, inputs}), w = at::ones({hidden, inputs});
  const at::Tensor slopes = at::ones({rows, hidden});
  at::Tensor sums = at::empty({rows, hidden});
  at::Tensor gradient = at::empty({hidden, inputs});
  const auto start = std::chrono::steady_clock::now();
  for (int run = 0; run < kRuns; ++run) {
    at::mm_out(sums, z, w.t());
    at::mm_out(gradient, slopes.t(), z);
  }
  const std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - start;
  SetBlasThreads(before);
  return kRuns * rows / elapsed.count();
}

}  // namespace nevus
