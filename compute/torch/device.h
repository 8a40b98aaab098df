// Where LibTorch computes: the processor, or a GPU if its build has CUDA. Names
// are LibTorch's: "cpu", "cuda:0".
#ifndef NEVUS_COMPUTE_TORCH_DEVICE_H_
#define NEVUS_COMPUTE_TORCH_DEVICE_H_

#include <exception>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nevus {

// INVALID_ARGUMENT (DEVICE_UNKNOWN) unless `device` is cpu or cuda:N;
// FAILED_PRECONDITION (DEVICE_UNAVAILABLE) if this LibTorch or this machine has
// no such GPU.
absl::Status CheckDevice(const std::string& device);

// "2.4.1", as LibTorch was built.
std::string TorchVersion();

// For whoever convolves or multiplies bf16 with LibTorch, before. A LibTorch
// with a oneDNN inside would call the one that Nevus is linked with, of another
// version (https://github.com/pytorch/pytorch/issues/31300): there it computes
// without, slower. Does nothing with Debian's LibTorch, which shares ours.
void AvoidForeignOneDnn();

// The most 1e12 floating point operations a second that a product of two square
// bf16 matrices gets on `device`: the yardstick for a network. On a GPU the
// best of a few tenths of a second on matrices of 8192.
absl::StatusOr<double> MeasureMatrixTeraflops(const std::string& device);

// What LibTorch says, without its stack trace.
std::string TorchMessage(const std::exception& error);
// INTERNAL with it.
absl::Status FromTorch(const std::exception& error);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_DEVICE_H_
