// Figures side by side; each leads to what it counts.
export default {
  template: `
  <ul class="tiles" :aria-label="label">
    <li v-for="t in tiles" :key="t.label" class="tile" :class="t.tone">
      <component :is="t.href ? 'a' : 'div'" :href="t.href || null">
        <span class="tile-label">{{ t.label }}</span>
        <span class="tile-value">{{ said(t) }}<small v-if="t.unit"> {{ t.unit }}</small></span>
        <span v-if="noted" class="tile-note">{{ t.note || '\\u00a0' }}</span>
      </component>
    </li>
  </ul>`,
  props: { tiles: Array, label: String },
  computed: {
    noted() {
      return this.tiles.some((each) => each.note);
    },
  },
  methods: {
    said(tile) {
      if (tile.kind === "seconds") return window.spaces.span(tile.value);
      return typeof tile.value === "number" ? window.spaces.number(tile.value) : tile.value ?? "–";
    },
  },
};
