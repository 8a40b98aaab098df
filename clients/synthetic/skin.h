// What surrounds a lesion in a dermoscopic photograph: skin below, hairs, gel
// bubbles, ruler and the dermatoscope's dark corners above. The same for both
// classes: nothing here may tell them apart.
#ifndef NEVUS_CLIENTS_SYNTHETIC_SKIN_H_
#define NEVUS_CLIENTS_SYNTHETIC_SKIN_H_

#include "clients/synthetic/canvas.h"
#include "clients/synthetic/random.h"

namespace nevus {

struct Skin {
  double tone = 0;  // 0 light to 1 dark
  Colour colour;
};

Skin DrawSkin(Random& random);
void PaintSkin(const Skin& skin, Random& random, Canvas& canvas);
void PaintHairsAndDevice(Random& random, Canvas& canvas);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_SYNTHETIC_SKIN_H_
