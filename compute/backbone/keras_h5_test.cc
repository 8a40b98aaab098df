#include "compute/backbone/keras_h5.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compute/backbone/testing/weight_files.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::string MadeByH5py(const std::string& name) {
  return ReadFileOrFail("compute/backbone/testdata/" + name);
}

// testdata/make_goldens.py wrote these three with h5py: one layout each.
TEST(KerasH5Test, ReadsEachLayoutAndTurnsHwioIntoOihw) {
  for (const char* name : {"keras_old.h5", "keras_new.h5", "keras_model.h5"}) {
    SCOPED_TRACE(name);
    const std::string file = MadeByH5py(name);
    ASSERT_TRUE(LooksLikeHdf5(file));
    const absl::StatusOr<Tensors> tensors = ReadKerasVgg16(file);
    ASSERT_THAT(tensors, IsOk());
    ASSERT_EQ(tensors->size(), 2u);
    const Tensor& weight = tensors->at("features.0.weight");
    const Tensor& bias = tensors->at("features.0.bias");
    ASSERT_EQ(weight.shape, (Shape{64, 3, 3, 3}));
    ASSERT_EQ(bias.shape, Shape{64});
    size_t at = 0;
    for (int o = 0; o < 64; ++o) {
      EXPECT_EQ(bias.values[o], -o);
      for (int i = 0; i < 3; ++i) {
        for (int y = 0; y < 3; ++y) {
          for (int x = 0; x < 3; ++x) {
            ASSERT_EQ(weight.values[at++], o + 100 * i + 1000 * x + 5000 * y);
          }
        }
      }
    }
  }
}

TEST(KerasH5Test, NothingOfVgg16IsNoTensorNotAnError) {
  const absl::StatusOr<Tensors> tensors =
      ReadKerasVgg16(MadeByH5py("keras_other.h5"));
  ASSERT_THAT(tensors, IsOk());
  EXPECT_TRUE(tensors->empty());
}

TEST(KerasH5Test, RefusesWrongDatasetsAndNamesThem) {
  const struct {
    const char *file, *message;
  } kWrong[] = {
      {"keras_wrong_shape.h5",
       "tensor block1_conv1/block1_conv1/kernel:0 has shape [64,3,3,3]; this "
       "network needs [3,3,3,64]"},
      {"keras_double.h5", "block1_conv1/block1_conv1/kernel:0 is no 32- or"},
      {"keras_integer.h5", "block1_conv1/block1_conv1/bias:0 is no 32- or"},
      {"keras_nan.h5", "block1_conv1/block1_conv1/bias:0 holds nan at index 7"},
      {"keras_elsewhere.h5", "keeps its values in another file"},
  };
  for (const auto& wrong : kWrong) {
    SCOPED_TRACE(wrong.file);
    EXPECT_THAT(ReadKerasVgg16(MadeByH5py(wrong.file)),
                StatusIs(absl::StatusCode::kInvalidArgument, wrong.message));
  }
}

TEST(KerasH5Test, RefusesATruncatedFile) {
  const std::string file = MadeByH5py("keras_new.h5");
  for (size_t length : {8u, 100u, 1000u, 5000u}) {
    SCOPED_TRACE(length);
    EXPECT_THAT(ReadKerasVgg16(file.substr(0, length)),
                StatusIs(absl::StatusCode::kInvalidArgument, "truncated"));
  }
}

TEST(KerasH5Test, AnExternalLinkIsNotFollowed) {
  const absl::StatusOr<Tensors> tensors =
      ReadKerasVgg16(MadeByH5py("keras_link.h5"));
  ASSERT_THAT(tensors, IsOk());
  EXPECT_TRUE(tensors->empty());
}

}  // namespace
}  // namespace nevus
