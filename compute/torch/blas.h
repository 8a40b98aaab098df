// Which BLAS LibTorch's matrix products really reach, and how fast it is.
// Debian lets it be the slow reference library, 15 times slower, without a
// word; so `nevus doctor` measures.
#ifndef NEVUS_COMPUTE_TORCH_BLAS_H_
#define NEVUS_COMPUTE_TORCH_BLAS_H_

#include <string>

namespace nevus {

struct BlasInfo {
  std::string library;  // the file that sgemm_ lies in, links resolved
  double gflops = 0;    // 1e9 floating point operations a second
  std::string problem;  // "" if all is well; else what to do about it
};

// Multiplies two matrices of 768 x 768 a few times on `threads` cores: a tenth
// of a second, or a second with the slow library. Not beside other work: the
// count of OpenBLAS's threads, which it sets meanwhile, is the process's.
BlasInfo MeasureBlas(int threads);

// Rows a second of the two matrix products that a training of `hidden` units on
// features of `inputs` numbers cannot do without, in batches of `rows`, on
// numbers that are ready, on one core: as training runs. Not beside other work,
// as above.
double MeasureTrainingProducts(int rows, int inputs, int hidden);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_BLAS_H_
