#include "compute/backbone/testing/keras_file.h"

#include <hdf5.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::string LayerName(const KerasLayer& layer, int first_number) {
  if (layer.number == 0) return layer.name;
  const int number = first_number + layer.number - 1;
  return number == 0 ? layer.name : absl::StrCat(layer.name, "_", number);
}

}  // namespace

std::string KerasFile(const Architecture& architecture, const Tensors& tensors,
                      int first_number) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 20, /*backing_store=*/false);
  const hid_t file = H5Fcreate("made", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  const hid_t parents = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(parents, 1);
  for (const ConvolutionSource& source : architecture.sources) {
    for (const TensorSource& wanted : source.tensors) {
      const auto found = tensors.find(wanted.name);
      if (found == tensors.end()) continue;
      const Shape& s = found->second.shape;
      std::vector<float> values = found->second.values;
      std::vector<hsize_t> shape(s.begin(), s.end());
      if (s.size() == 4) {
        // A depthwise kernel counts its channels as inputs.
        const bool depthwise = wanted.keras_role == KerasRole::kDepthwiseKernel;
        const int64_t in = depthwise ? s[0] : s[1], out = depthwise ? 1 : s[0];
        const int64_t area = s[2] * s[3];
        shape = {hsize_t(s[2]), hsize_t(s[3]), hsize_t(in), hsize_t(out)};
        size_t at = 0;
        for (int64_t yx = 0; yx < area; ++yx) {
          for (int64_t i = 0; i < in; ++i) {
            for (int64_t o = 0; o < out; ++o) {
              values[at++] = found->second.values[(o * in + i) * area + yx];
            }
          }
        }
      }
      const std::string layer = LayerName(wanted.keras_layer, first_number);
      const std::string path = absl::StrCat(
          layer, "/", layer, "/", KerasRoleName(wanted.keras_role), ":0");
      const hid_t space = H5Screate_simple(shape.size(), shape.data(), nullptr);
      const hid_t dataset = H5Dcreate(file, path.c_str(), H5T_IEEE_F32LE, space,
                                      parents, H5P_DEFAULT, H5P_DEFAULT);
      EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL,
                         H5P_DEFAULT, values.data()),
                0)
          << path;
      H5Dclose(dataset);
      H5Sclose(space);
    }
  }
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  std::string image(H5Fget_file_image(file, nullptr, 0), '\0');
  H5Fget_file_image(file, image.data(), image.size());
  H5Pclose(parents);
  H5Fclose(file);
  H5Pclose(access);
  return image;
}

}  // namespace nevus
