// The GPU's program on the processor, against the eager network; and what is
// said where there is no GPU.
#include "compute/torch/device_network.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"
#include "compute/backbone/tensor.h"
#include "compute/backbone/testing/weight_files.h"
#include "compute/torch/device.h"
#include "compute/torch/eager_network.h"
#include "compute/torch/layer_program.h"

namespace nevus {
namespace {

constexpr int kSide = 12;

Tensor Filled(const Shape& shape) {
  // Small and of both signs, so that ReLU has something to do.
  Tensor tensor{shape, {}};
  for (int64_t i = 0; i < Count(shape); ++i) {
    tensor.values.push_back(0.02f * static_cast<float>(i * 37 % 23 - 11));
  }
  return tensor;
}

// A convolution, a pool, and another convolution: two outputs of other sizes.
class DeviceNetworkTest : public ::testing::Test {
 protected:
  DeviceNetworkTest() {
    Layer first;
    first.name = "first";
    first.inputs = {kImage};
    first.window = {3, 3, 1, Padding::kExplicit, 1, 1};
    first.channels = 8;
    first.relu = true;
    Layer pool;
    pool.name = "pool";
    pool.op = Op::kMaxPool;
    pool.inputs = {0};
    pool.window = {2, 2, 2};
    pool.channels = 8;
    Layer last = first;
    last.name = "last";
    last.inputs = {1};
    last.channels = 6;
    layers_ = {first, pool, last};
    weights_ = {{"first", {Filled({8, 3, 3, 3}), Filled({8})}},
                {"last", {Filled({6, 8, 3, 3}), Filled({6})}}};
  }

  // An image's outputs one behind the other, as DeviceNetwork gives them.
  std::vector<float> Eager(const std::vector<float>& planes, int n) const {
    const auto network =
        EagerNetwork::Create(layers_, weights_, outputs_, kSide, {});
    EXPECT_THAT(network, IsOk());
    std::vector<std::vector<float>> activations;
    EXPECT_THAT((*network)->Forward(planes.data(), n, &activations), IsOk());
    std::vector<float> joined;
    for (int image = 0; image < n; ++image) {
      for (const std::vector<float>& output : activations) {
        const size_t floats = output.size() / n;
        joined.insert(joined.end(), output.begin() + image * floats,
                      output.begin() + (image + 1) * floats);
      }
    }
    return joined;
  }

  absl::StatusOr<std::unique_ptr<DeviceNetwork>> Create(
      const std::string& device, bool bf16, int batch) const {
    ASSIGN_OR_RETURN(auto program,
                     LayerProgram::Create(layers_, weights_, outputs_, kSide,
                                          {device, bf16,
                                           /*channels_last=*/true}));
    return DeviceNetwork::Create(std::move(program), kSide, batch);
  }

  std::vector<float> OnDevice(const std::vector<float>& planes, int n,
                              bool bf16, int batch) const {
    const auto network = Create("cpu", bf16, batch);
    EXPECT_THAT(network, IsOk());
    EXPECT_EQ((*network)->activation_floats(), 8 * 6 * 6 + 6 * 6 * 6);
    std::vector<float> activations(n * (*network)->activation_floats());
    EXPECT_THAT((*network)->Forward(planes.data(), n, activations.data()),
                IsOk());
    return activations;
  }

  Layers layers_;
  NetworkWeights weights_;
  std::vector<std::string> outputs_ = {"pool", "last"};
};

double Error(const std::vector<float>& found,
             const std::vector<float>& wanted) {
  EXPECT_EQ(found.size(), wanted.size());
  return RelativeError(found, {wanted.begin(), wanted.end()});
}

TEST_F(DeviceNetworkTest, GivesWhatTheEagerNetworkGives) {
  // Five images in batches of two: both slots twice, the last half empty.
  const std::vector<float> planes = TestPlanes(5, kSide);
  const std::vector<float> eager = Eager(planes, 5);
  EXPECT_LT(Error(OnDevice(planes, 5, false, 2), eager), 1e-5);
  const double bf16 = Error(OnDevice(planes, 5, true, 2), eager);
  EXPECT_LT(bf16, 1e-2);
  EXPECT_GT(bf16, 1e-5);  // it did compute in eight bits
}

TEST_F(DeviceNetworkTest, AnImagesBitsDoNotDependOnHowManyCome) {
  const std::vector<float> planes = TestPlanes(5, kSide);
  const std::vector<float> all = OnDevice(planes, 5, false, 4);
  const std::vector<float> one = OnDevice(planes, 1, false, 4);
  EXPECT_EQ(one, std::vector<float>(all.begin(), all.begin() + one.size()));
}

TEST_F(DeviceNetworkTest, RefusesWhatIsNotThere) {
  for (const char* name : {"gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", ""}) {
    const absl::Status status = Create(name, false, 1).status();
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kInvalidArgument, "cpu or cuda:N"));
    EXPECT_EQ(ReasonOf(status), "DEVICE_UNKNOWN");
  }
  // No machine has so many, and this build has no CUDA.
  const absl::Status status = Create("cuda:999", false, 1).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               "device cuda:999 "));
  EXPECT_EQ(ReasonOf(status), "DEVICE_UNAVAILABLE");
  EXPECT_THAT(Create("cpu", false, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, "batches of 0"));
}

TEST(MatrixRateTest, IsMeasured) {
  const auto teraflops = MeasureMatrixTeraflops("cpu");
  ASSERT_THAT(teraflops, IsOk());
  EXPECT_GT(*teraflops, 0);
}

}  // namespace
}  // namespace nevus
