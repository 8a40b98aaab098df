#include "clients/synthetic/synthetic.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "clients/synthetic/canvas.h"
#include "clients/synthetic/lesion.h"
#include "clients/synthetic/random.h"
#include "clients/synthetic/skin.h"

namespace nevus {
namespace {

// The difficulty: how far apart the classes are in each trait, in standard
// deviations before squashing. 0 makes them the same.
constexpr double kSeparation = 1.4;

// One trait: a class mean, a spread, squashed to (0, 1).
double DrawTrait(Random& random, bool melanoma) {
  const double z = (melanoma ? 0.5 : -0.5) * kSeparation + random.Normal();
  return 1 / (1 + std::exp(-1.4 * z));
}

}  // namespace

SyntheticImage Generate(uint64_t seed, int index, int size) {
  Random random(Random::Mix(seed) ^
                Random::Mix(static_cast<uint64_t>(index) + 1));
  const bool melanoma = index % 5 < 2;
  SyntheticImage image;
  image.name = absl::StrFormat("synthetic_%05d", index + 1);
  image.label = melanoma ? "melanoma" : "nevus";
  LesionTraits& traits = image.traits;
  for (double* trait : {&traits.asymmetry, &traits.border, &traits.colours,
                        &traits.structures, &traits.veil, &traits.diameter}) {
    *trait = DrawTrait(random, melanoma);
  }

  Canvas canvas(size);
  const Skin skin = DrawSkin(random);
  PaintSkin(skin, random, canvas);
  PaintLesion(traits, skin, random, canvas);
  PaintHairsAndDevice(random, canvas);
  image.jpeg = canvas.Jpeg(/*quality=*/92, "SYNTHETIC: generated, no patient");
  return image;
}

}  // namespace nevus
