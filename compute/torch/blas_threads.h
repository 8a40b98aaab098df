// How many threads OpenBLAS takes. Unlike OpenMP's this count belongs to the
// whole process, and a matrix product rounds differently for each: whoever
// needs the same bits again sets it to 1 and leaves it there.
#ifndef NEVUS_COMPUTE_TORCH_BLAS_THREADS_H_
#define NEVUS_COMPUTE_TORCH_BLAS_THREADS_H_

namespace nevus {

// 0 if the BLAS of this process is not OpenBLAS; then setting does nothing.
// Looked up at run time, not linked: another BLAS may stand in its place.
// Thread-safe, as far as the count may change below a running product.
int BlasThreads();
void SetBlasThreads(int threads);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_BLAS_THREADS_H_
