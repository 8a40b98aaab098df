#include "compute/torch/script_module.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/api/module.h>

#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/omp_threads.h"
#include "compute/backbone/testing/weight_files.h"
#include "compute/torch/blas_threads.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// A TorchScript file whose forward(self, x) has this body.
std::string Script(const std::string& body) {
  torch::jit::Module module("made");
  module.register_parameter("scale", at::full({1}, 2.0f), /*is_buffer=*/false);
  module.define("def forward(self, x):\n    " + body + "\n");
  std::ostringstream file;
  module.save(file);
  return file.str();
}

TEST(ScriptModuleTest, ComputesWhatTheProgramSays) {
  const auto module = ScriptModule::Load(
      Script("return torch.max_pool2d(x * self.scale, 16)"), 32);
  ASSERT_THAT(module, IsOk());
  EXPECT_EQ((*module)->channels(), 3);
  EXPECT_EQ((*module)->height(), 2);
  EXPECT_EQ((*module)->width(), 2);
  EXPECT_EQ((*module)->parameters(), 1);
  std::vector<float> planes(3 * 32 * 32);
  planes[0] = 5;                // channel 0, top left
  planes[2 * 1024 + 1023] = 7;  // channel 2, bottom right
  std::vector<float> output(12);
  ASSERT_THAT((*module)->Run(planes.data(), output.data()), IsOk());
  EXPECT_EQ(output, (std::vector<float>{10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14}));
}

TEST(ScriptModuleTest, AVectorIsAnAreaOfOne) {
  const auto module =
      ScriptModule::Load(Script("return x.mean([2, 3]) * self.scale"), 32);
  ASSERT_THAT(module, IsOk());
  EXPECT_EQ((*module)->channels(), 3);
  EXPECT_EQ((*module)->height(), 1);
  EXPECT_EQ((*module)->width(), 1);
}

TEST(ScriptModuleTest, RefusesOutputsThatAreNoActivation) {
  const struct {
    const char *body, *message;
  } kWrong[] = {
      {"return x.flatten()", "(1, C, h, w) or (1, C) of floats is needed"},
      {"return x.double()", "Double[1, 3, 32, 32]"},
      {"return torch.cat([x, x])", "[2, 3, 32, 32]"},
      {"return x[:, :0]", "[1, 0, 32, 32]"},
      {"return (x, x)", "fails on an input"},
      {"return 3", "fails on an input"},
      {"return x.view(7, 7)", "Give --input-size the size it was made for"},
      {"assert x.size(2) == 299\n    return x", "fails on an input"},
  };
  for (const auto& wrong : kWrong) {
    SCOPED_TRACE(wrong.body);
    const auto module = ScriptModule::Load(Script(wrong.body), 32);
    EXPECT_THAT(module,
                StatusIs(absl::StatusCode::kInvalidArgument, wrong.message));
    EXPECT_EQ(ReasonOf(module.status()), "WEIGHTS_INVALID");
  }
}

TEST(ScriptModuleTest, AnOutputThatChangesItsShapeLaterIsAnError) {
  const auto module = ScriptModule::Load(
      Script("y = x\n    if bool(x.sum() > 0):\n        y = torch.cat([x, x], "
             "1)\n    return y"),
      32);
  ASSERT_THAT(module, IsOk());
  const std::vector<float> ones(3 * 32 * 32, 1);
  std::vector<float> output(3 * 32 * 32);
  EXPECT_THAT((*module)->Run(ones.data(), output.data()),
              StatusIs(absl::StatusCode::kInternal, "gave 6144 values"));
}

// On the processor, as on a GPU.
TEST(ScriptModuleTest, OnADeviceComputesEveryImageOfABatch) {
  constexpr int kSide = 32, kBatch = 3;
  const auto module = ScriptModule::Load(
      Script("y = torch.max_pool2d(x * self.scale, 16)\n"
             "    return torch.cat([y, torch.sigmoid(y)], 1)"),
      kSide);
  ASSERT_THAT(module, IsOk());
  const std::vector<float> planes = TestPlanes(kBatch, kSide);
  std::vector<double> alone;
  for (int i = 0; i < kBatch; ++i) {
    std::vector<float> output(6 * 2 * 2);
    ASSERT_THAT((*module)->Run(&planes[i * 3 * kSide * kSide], output.data()),
                IsOk());
    alone.insert(alone.end(), output.begin(), output.end());
  }
  for (const bool bf16 : {false, true}) {
    const auto program =
        (*module)->OnDevice({"cpu", bf16, /*channels_last=*/true}, kBatch);
    ASSERT_THAT(program, IsOk());
    EXPECT_EQ((*program)->device(), "cpu");
    ASSERT_EQ((*program)->outputs().size(), 1u);
    EXPECT_EQ((*program)->outputs()[0].channels, 6);
    const c10::InferenceMode inference;
    const at::Tensor answer = (*program)
                                  ->Run((*program)->Place(at::from_blob(
                                      const_cast<float*>(planes.data()),
                                      {kBatch, 3, kSide, kSide})))[0]
                                  .to(at::kFloat)
                                  .contiguous();
    ASSERT_EQ(answer.sizes(), (std::vector<int64_t>{kBatch, 6, 2, 2}));
    const float* const values = answer.data_ptr<float>();
    const double error =
        RelativeError({values, values + answer.numel()}, alone);
    EXPECT_LT(error, bf16 ? 1e-2 : 1e-6);
    EXPECT_EQ(error > 1e-4, bf16);  // it did compute in eight bits
  }
}

TEST(ScriptModuleTest, OnADeviceWholeNumbersKeepTheirType) {
  torch::jit::Module made("made");
  made.register_buffer("index", at::full({1}, 301, at::kLong));  // not in bf16
  made.define(
      "def forward(self, x):\n"
      "    return torch.ones_like(x) * float(int(self.index) == 301)\n");
  std::ostringstream file;
  made.save(file);
  const auto module = ScriptModule::Load(file.str(), 32);
  ASSERT_THAT(module, IsOk());
  const auto program = (*module)->OnDevice({"cpu", /*bf16=*/true}, 2);
  ASSERT_THAT(program, IsOk());
  const c10::InferenceMode inference;
  const at::Tensor image = (*program)->Place(at::zeros({2, 3, 32, 32}));
  EXPECT_EQ((*program)->Run(image)[0].min().item<float>(), 1);
}

TEST(ScriptModuleTest, RefusedOnADevice) {
  const struct {
    const char* body;
    bool fp32, bf16;  // whether these can
    const char* why;
  } kScripts[] = {
      {"return x * self.scale", true, true, ""},
      {"return x.reshape(1, -1)", false, false,
       "for 2 images it gives [1, 6144] on cpu"},
      {"return x / x.max()", false, false,
       "an image's answer depends on those beside it"},
      {"return torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, "
       "False)",
       false, false, "an image's answer depends on those beside it"},
      {"return torch.matmul(x, torch.ones([32, 32]))", true, false, ""},
  };
  for (const auto& script : kScripts) {
    SCOPED_TRACE(script.body);
    const auto module = ScriptModule::Load(Script(script.body), 32);
    ASSERT_THAT(module, IsOk());
    for (const bool bf16 : {false, true}) {
      const auto program = (*module)->OnDevice({"cpu", bf16}, 2);
      if (bf16 ? script.bf16 : script.fp32) {
        EXPECT_THAT(program, IsOk());
        continue;
      }
      EXPECT_THAT(program,
                  StatusIs(absl::StatusCode::kFailedPrecondition, script.why));
      EXPECT_EQ(ReasonOf(program.status()), "ARITHMETIC_UNSUPPORTED");
    }
    EXPECT_EQ(ReasonOf((*module)->OnDevice({"cuda:999"}, 2).status()),
              "DEVICE_UNAVAILABLE");
  }
}

TEST(ScriptModuleTest, RefusesDamagedFiles) {
  const std::string sound = Script("return x");
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(ScriptModule::Load("", 32), StatusIs(kInvalid, "whole"));
  EXPECT_THAT(ScriptModule::Load("PK\x03\x04", 32), StatusIs(kInvalid, ""));
  EXPECT_THAT(ScriptModule::Load("a page of HTML", 32),
              StatusIs(kInvalid, "cannot be loaded as TorchScript"));
  for (size_t length = 0; length < sound.size(); length += 97) {
    SCOPED_TRACE(length);
    EXPECT_THAT(ScriptModule::Load(sound.substr(0, length), 32),
                StatusIs(kInvalid, ""));
  }
}

TEST(ScriptModuleTest, AFlippedByteIsRefusedOrHarmless) {
  const std::string sound = Script("return x * self.scale");
  std::mt19937 random(11);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = sound;
    damaged[random() % damaged.size()] ^= 1 << random() % 8;
    const auto module = ScriptModule::Load(damaged, 32);  // must return
    if (!module.ok()) {
      EXPECT_THAT(module, StatusIs(absl::StatusCode::kInvalidArgument, ""));
    }
  }
}

TEST(ScriptModuleTest, NeitherEarlierRunsNorOtherCallersChangeABit) {
  const std::string file = RealWeights("squeezenet1_1.pt");
  if (file.empty()) GTEST_SKIP() << "skipped: no ../shared/data";
  const auto module = ScriptModule::Load(file, 224);
  ASSERT_THAT(module, IsOk());
  ASSERT_EQ((*module)->channels(), 512);
  const std::vector<float> planes = TestPlanes(1, 224);
  const size_t count = size_t{512} * (*module)->height() * (*module)->width();
  std::vector<std::vector<float>> outputs(9, std::vector<float>(count));
  const auto run = [&](int begin, int end) {
    const ScopedOmpThreads caller(1 + begin);
    for (int i = begin; i < end; ++i) {
      EXPECT_THAT((*module)->Run(planes.data(), outputs[i].data()), IsOk());
    }
  };
  EXPECT_LE(BlasThreads(), 1);
  run(0, 3);  // a profiling executor would change its graph here
  std::thread other(run, 3, 6);
  run(6, 9);
  other.join();
  for (const std::vector<float>& output : outputs) {
    EXPECT_EQ(output, outputs[0]);
  }
}

}  // namespace
}  // namespace nevus
