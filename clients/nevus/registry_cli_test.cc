// Commands about backbones and models, from their arguments to what they print,
// against a fake platform.
#include <sstream>
#include <string>
#include <vector>

#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/fake_platform.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

class RegistryCliTest : public ::testing::Test {
 protected:
  int Run(const std::vector<std::string>& args) {
    out_.str("");
    err_.str("");
    const Terminal terminal{out_, err_, false, platform_.address()};
    return RunCommandLine(AllCommands(), args, terminal);
  }
  void PutModel(int64_t version, const std::vector<std::string>& points,
                const std::string& alias = "") {
    v1::Model model;
    model.set_name("m");
    model.set_version(version);
    for (const std::string& point : points) {
      model.add_operating_points()->set_name(point);
    }
    platform_.Put(model, alias);
  }
  // What a promotion says besides its result.
  std::string Promote(const std::string& model) {
    EXPECT_EQ(Run({"model", "promote", model, "--alias", "production",
                   "--unchecked"}),
              0);
    return err_.str();
  }

  FakePlatform platform_;
  std::ostringstream out_, err_;
};

TEST_F(RegistryCliTest, TheListOfBackbonesHasTheSizeOfEachFile) {
  v1::Backbone genuine;
  genuine.set_name("genuine");
  genuine.set_arch("vgg16");
  genuine.set_weights_kind("safetensors");
  genuine.set_weights_bytes(58'862'112);
  genuine.set_input_size(224);
  genuine.set_normalization("torchvision");
  genuine.set_parameters(14'714'688);
  genuine.set_gmac(15.346);
  genuine.set_digest("0123456789abcdef");
  genuine.set_default_cut("block5_pool");
  v1::Cut* const cut = genuine.add_cuts();
  cut->set_name("block5_pool");
  cut->set_channels(512);
  cut->set_height(7);
  cut->set_width(7);
  platform_.Put(genuine);
  v1::Backbone seeded;
  seeded.set_name("seeded");
  seeded.set_weights_kind("random");
  platform_.Put(seeded);

  ASSERT_EQ(Run({"backbone", "list", "--output", "csv"}), 0) << err_.str();
  EXPECT_EQ(out_.str(),
            "backbone,architecture,weights,size,input,preprocessing,parameters,"
            "GMAC,default cut,output,images/s,digest\n"
            "genuine,vgg16,safetensors,58.9 MB,224,torchvision,\"14,714,688\","
            "15.35,block5_pool,512x7x7,,0123456789ab\n"
            "seeded,,random,,0,,0,,,,,\n");
}

TEST_F(RegistryCliTest, APromotionThatLosesAnOperatingPointWarns) {
  PutModel(1, {"youden", "screening"}, "production");
  PutModel(2, {"youden"});
  EXPECT_EQ(Promote("m@2"),
            "warning: m@1, where production points now, has the operating "
            "point screening, which m@2 has not: calls that name it will "
            "fail\n");
  EXPECT_EQ(platform_.requests().Last<v1::PromoteModelRequest>().version(), 2)
      << "a warning, not a refusal";
}

TEST_F(RegistryCliTest, APromotionThatLosesNothingDoesNotWarn) {
  PutModel(1, {"youden"});
  PutModel(2, {"youden", "screening"});
  EXPECT_EQ(Promote("m@1"), "") << "the alias does not exist yet";
  PutModel(1, {"youden"}, "production");
  EXPECT_EQ(Promote("m@2"), "") << "one more";
}

}  // namespace
}  // namespace nevus
