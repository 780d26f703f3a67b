// A sentence of the server, with the instants in it as the viewer's clock says them.
const INSTANT = /(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?: UTC|Z))/;
export default {
  template: `<span><template v-for="(part, i) in parts" :key="i"><time v-if="part.at" :datetime="part.at" :title="spaces.ago(part.at)">{{ spaces.stamp(part.at) }}</time><template v-else>{{ part.text }}</template></template></span>`,
  props: { words: String },
  data: () => ({ spaces: window.spaces }),
  computed: {
    parts() {
      return this.words.split(INSTANT).map((text) => (INSTANT.test(text) ? { at: text.replace(" UTC", "Z").replace(" ", "T") } : { text }));
    },
  },
};
