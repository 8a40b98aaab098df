// Weight files for tests: real ones where they are, and made ones in memory.
#ifndef NEVUS_COMPUTE_BACKBONE_TESTING_WEIGHT_FILES_H_
#define NEVUS_COMPUTE_BACKBONE_TESTING_WEIGHT_FILES_H_

#include <string>
#include <vector>

#include "compute/backbone/tensor.h"

namespace nevus {

// The content of the file at `path`; fails the test and returns "" without it.
std::string ReadFileOrFail(const std::string& path);

// The content of weights/`name` in the folder that NEVUS_TEST_DATA names; "" if
// there is none: the test then skips.
std::string RealWeights(const std::string& name);

// `json` behind its length, then `data`: a .safetensors file, right or wrong.
std::string Safetensors(const std::string& json, const std::string& data);

// A sound .safetensors file of these tensors, in F32.
std::string Safetensors(const Tensors& tensors);

// n images of 3 x size x size values in [-2, 2), no two alike.
std::vector<float> TestPlanes(int n, int size);

// |a - b| / |b| in the Euclidean norm; REQUIRES: equal sizes.
double RelativeError(const std::vector<float>& a, const std::vector<double>& b);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_TESTING_WEIGHT_FILES_H_
