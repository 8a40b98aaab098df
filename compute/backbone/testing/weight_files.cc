#include "compute/backbone/testing/weight_files.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::string Content(std::ifstream& file) {
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string ReadFileOrFail(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) ADD_FAILURE() << "cannot read " << path;
  return Content(file);
}

std::string RealWeights(const std::string& name) {
  const char* const folder = std::getenv("NEVUS_TEST_DATA");
  if (folder == nullptr) return "";
  std::ifstream file(absl::StrCat(folder, "/weights/", name), std::ios::binary);
  return file ? Content(file) : "";
}

std::string Safetensors(const std::string& json, const std::string& data) {
  std::string file;
  for (int byte = 0; byte < 8; ++byte) {
    file.push_back(static_cast<char>(json.size() >> 8 * byte));
  }
  return file + json + data;
}

std::string Safetensors(const Tensors& tensors) {
  std::string json, data;
  for (const auto& [name, tensor] : tensors) {
    const size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.values.data()),
                tensor.values.size() * sizeof(float));
    absl::StrAppend(&json, json.empty() ? "{" : ",", "\"", name,
                    R"(":{"dtype":"F32","shape":)", ShapeText(tensor.shape),
                    R"(,"data_offsets":[)", begin, ",", data.size(), "]}");
  }
  return Safetensors(json + "}", data);
}

std::vector<float> TestPlanes(int n, int size) {
  std::mt19937 random(20240229);
  std::vector<float> planes(size_t{3} * n * size * size);
  for (float& value : planes) {
    value = static_cast<float>(random() >> 8) * 0x1p-22f - 2;
  }
  return planes;
}

double RelativeError(const std::vector<float>& a,
                     const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace nevus
